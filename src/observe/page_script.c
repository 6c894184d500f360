/* The page's script: brings what changed into the document, in place, so that focus, selection and
 * scroll stay where they are. Nothing depends on it. */
#include "page.h"

const char *const page_script[] = {
    "(function(){'use strict';\n"
    "var busy=false,paused=false,pill=document.getElementById('state'),"
    "button=document.getElementById('pause');\n"
    /* What somebody has opened or is typing in is theirs. */
    "function attributes(a,b){var i,n;"
    "for(i=b.attributes.length;i--;){n=b.attributes[i];"
    "if(n.name!=='open'&&a.getAttribute(n.name)!==n.value)a.setAttribute(n.name,n.value)}"
    "for(i=a.attributes.length;i--;){n=a.attributes[i].name;"
    "if(n!=='open'&&!b.hasAttribute(n))a.removeAttribute(n)}}\n"
    "function sync(a,b){if(a.nodeType!==1){if(a.data!==b.data)a.data=b.data;return}"
    /* What is for those without scripts is text here, and elements in what was parsed. */
    "if(a.nodeName==='FORM'||a.nodeName==='NOSCRIPT')return;attributes(a,b);"
    "var x=a.childNodes,y=b.childNodes,i;"
    "for(i=0;i<y.length;i++){if(i>=x.length)a.appendChild(document.importNode(y[i],true));"
    "else if(x[i].nodeType===y[i].nodeType&&x[i].nodeName===y[i].nodeName&&x[i].id===y[i].id)"
    "sync(x[i],y[i]);else a.replaceChild(document.importNode(y[i],true),x[i])}"
    "while(x.length>y.length)a.removeChild(a.lastChild)}\n"
    /* Its style has another nonce, and would be complained about. */
    "function take(text){text=text.replace(/<style[^]*?<\\/style>/,'');"
    "var next=new DOMParser().parseFromString(text,'text/html');"
    "if(!next.getElementById('state'))throw new Error('not the page');"
    "document.title=next.title;['state','meta','main'].forEach(function(id){"
    "sync(document.getElementById(id),next.getElementById(id))})}\n"
    "function silent(){pill.className='state bad';pill.textContent='No answer';"
    "document.title='accrued: no answer'}\n"
    "function turn(){if(busy||paused||document.hidden)return;busy=true;"
    "var stop=new AbortController(),timer=setTimeout(function(){stop.abort()},5000);"
    "fetch('/',{cache:'no-store',signal:stop.signal}).then(function(r){"
    "if(!r.ok)throw new Error(r.status);return r.text()}).then(take).catch(silent)"
    ".then(function(){clearTimeout(timer);busy=false})}\n"
    "button.hidden=false;button.addEventListener('click',function(){paused=!paused;"
    "button.textContent=paused?'Resume':'Pause';turn()});\n"
    "setInterval(turn,2000);document.addEventListener('visibilitychange',turn)})();\n",
    NULL,
};
